"""
Fused kernels for the fast path on a GPU: compiled where the image is built, launched without a compiler.

    operations  what they do, as the solver calls them
    source      the same in Triton; only the build and the tests import it
    __main__    `python -m engines.f5.kernels` compiles them
    build       the compilation, for every card
    compiled    what the build left, read and checked
    driver      the CUDA driver's calls that load and launch them
    launch      from tensors to the driver's calls
    check       whether they compute what torch's operations do
"""
