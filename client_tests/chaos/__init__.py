"""Breaking things under load, and checking that nothing acknowledged is lost, doubled or out of order."""
