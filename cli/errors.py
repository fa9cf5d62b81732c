"""What the command refuses, told in one sentence."""

from __future__ import annotations


class UserError(Exception):
    """Something the user can put right. Shown without a traceback; exit code 1."""
