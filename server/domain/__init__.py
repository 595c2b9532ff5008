"""What the product is about, free of any library: ids, models, commands, events, errors."""
