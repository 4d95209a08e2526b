"""
How alike two voices are: speaker models, on the CPU.

    resemblyzer  Resemblyzer
    wespeaker    WeSpeaker's ResNet34
    comparable   what such a model can say anything of
"""
