"""
Stand-ins for what can't be made to fail, wait or run on demand. The contract tests hold the engine, the recogniser and the decoder to the real ones.

    fakes         engine, recogniser, decoder, holders of models, and clock
    memory_store  a bucket in memory that fails on demand
    fake_gpu      a GPU without a GPU: what a path would ask of it is counted
    half          half precision on a CPU, rounded as a GPU rounds it
    desk          a GPU's queue that is held until everybody has asked
    stammerer     an engine that leaves words out, and recognisers that hear it
"""
