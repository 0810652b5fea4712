"""What runs in the user's training process. Light, without a thread or a socket, and it never raises into training."""
