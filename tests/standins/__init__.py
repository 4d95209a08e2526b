"""
Stand-ins for what can't be made to fail, wait or run on demand; each is held to the contract of the real thing.

    fakes         engine, recogniser, hub and clock
    memory_store  a bucket in memory that fails on demand
    fake_gpu      a GPU without a GPU: what a path would ask of it is counted
    half          half precision on a CPU, rounded as a GPU rounds it
    desk          a GPU's queue that is held until everybody has asked
    stammerer     an engine that leaves words out, and recognisers that hear it
"""
