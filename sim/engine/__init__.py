"""The engines that simulate patients, and their keyed random numbers."""
