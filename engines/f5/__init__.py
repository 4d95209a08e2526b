"""
F5-TTS.

    engine    the loaded model
    loading   a checkpoint's files onto a device
    choice    which path speaks, with which kernels
    official  guidance in two passes, where memory is short
    fast      the same samples faster
    solver    the ODE solver
    tables    the modulations of its times
    rotary    the rotary position embedding
    proof     whether it computes on a device what the official modules do
    packs     several utterances end to end
    block     a transformer block over a pack
    fused     the same with kernels that do several operations at once
    kernels/  these kernels
    vocoder   Vocos, from a config that is read as data
"""
