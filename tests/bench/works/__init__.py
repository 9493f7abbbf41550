"""What is measured; each function takes a `Run` and gives a `Table`."""
