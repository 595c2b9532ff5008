"""What is answered over HTTP: the API, the plain WebSocket routes, health, and the documentation."""
