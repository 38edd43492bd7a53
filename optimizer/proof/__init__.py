"""The independent judge: plans and bounds in exact arithmetic, from the input tables and the run folder alone.

Shares no code with the model, the engines or the solution: every rule of the contract is derived here a second time.
"""
