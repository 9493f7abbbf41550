"""What the benchmarks stand on: processes, their cost, peers, requests."""
