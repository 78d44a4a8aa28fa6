"""Five faults that only a crash shows, one a file, and the world in which `actum crashtest` finds them."""
