"""Our speed and accuracy beside other libraries', each in a process (and the peers in an environment) of its own."""
