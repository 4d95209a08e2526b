"""
The deployment's settings: the one reader of the environment.

    deployment     every setting, with its bounds and its meaning
    bucket         those of the bucket
    variables      how a variable is read and refused
    types          the types of settings
    sdk_variables  what boto3 and RunPod's SDK read by themselves, held to the same rule
"""

from cloning.settings.deployment import Settings

__all__ = ["Settings"]
