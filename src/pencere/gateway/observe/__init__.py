"""What a node tells its operators: traces, monitoring records, spans; nothing of a person."""
