"""Tour, command palette and list of shortcuts."""
