"""
Fused kernels for the fast path on a GPU: compiled where the image is built, launched without a compiler.

    source    the three kernels, in Triton; only the build and the tests import it
    build     compiles them for every card: `python -m engines.f5.kernels.build`
    compiled  what the build left, read and checked
    driver    the CUDA driver's calls that load and launch them
    launch    the kernels as the solver calls them
    check     whether they compute what the eager operations do
"""
