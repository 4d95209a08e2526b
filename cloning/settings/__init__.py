"""
The deployment's settings: the one reader of the environment.

    deployment     every setting, with its bounds and its meaning
    bucket         the settings of the bucket
    http           the settings of the worker's own HTTP server
    variables      the reading and checking of variables
    types          the types of settings
    sdk_variables  variables that boto3 and RunPod's SDK read, held to the same rules
"""

from cloning.settings.deployment import Settings

__all__ = ["Settings"]
