"""Where rules go: `nftables` puts them into a network namespace, `memory` keeps them for simulated nodes and tests."""
