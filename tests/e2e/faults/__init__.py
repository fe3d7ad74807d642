"""What can go wrong between two services, a disk and a process, row by row."""
