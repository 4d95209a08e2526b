"""
A running job's progress: chunks done, and the parts of its speech that can be heard already.

    joiner    the samples that no later chunk changes, chunk by chunk
    parts     these samples in the bucket
    reports   progress to the record and to RunPod; whether the job is still wanted
"""
