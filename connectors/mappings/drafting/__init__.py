"""`concord mapping init`: a first draft of a folder from a catalogue."""
