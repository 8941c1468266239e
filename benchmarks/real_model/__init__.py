"""A real model behind the wire of the Messages API: what becomes of its answers when they are cut and gone on with.

SmolLM2-135M-Instruct is small and no Claude, and no rate carries over. What carries over is what the code does with a
model that does not do as it was asked.
"""
