"""Operations of neural networks in NumPy, each derivative beside its forward.

Arrays keep the dtype that they come with: float64 to check, float32 to train. In `backward` functions `dZ` is
the derivative of the cost by Z, as large as Z.
"""
