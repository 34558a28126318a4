"""The vocabulary: event schemas, topics, examples, event classes, codec, registry client."""
