"""The wire contract as data: operations, events, errors, schemas, envelope. Nothing here does anything."""
