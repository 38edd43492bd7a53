"""The solvers: one protocol, a child process for each solve, no claim believed alone."""
