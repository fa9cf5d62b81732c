"""The API's types as components read them: frozen msgspec Structs, one file per topic.

Only fields that a component reads are here; the rest of an object stays in its JSON. Anyone may import it; it imports
only `apimachinery`. The apiserver does not use it: it handles JSON trees and the published schema.
"""
