/*
 * Stands in for a CUDA library that torch is linked with and that a worker on one GPU never calls: NCCL (several GPUs) or
 * cuSPARSELt (weights with 2:4 sparsity). Each takes 0.4 GB of the image, which a host fetches before its first worker starts.
 * A call ends the process and says which build has the library; nothing is ever computed wrongly.
 *
 * The names are those that torch 2.10 asks for. Another torch may ask for more: then `import torch` fails while the image is built.
 */
#include <stdio.h>
#include <stdlib.h>

static void end(const char *name) {
    fprintf(stderr, "%s was called, but %s is not in this image: build it with --build-arg ALL_CUDA=1\n", name, LIBRARY);
    abort();
}

#define ABSENT(name) void name(void) { end(#name); }

#ifdef IS_NCCL
ABSENT(ncclAllGather)
ABSENT(ncclAllReduce)
ABSENT(ncclBcast)
ABSENT(ncclBroadcast)
ABSENT(ncclCommAbort)
ABSENT(ncclCommCount)
ABSENT(ncclCommDeregister)
ABSENT(ncclCommDestroy)
ABSENT(ncclCommFinalize)
ABSENT(ncclCommGetAsyncError)
ABSENT(ncclCommInitAll)
ABSENT(ncclCommInitRank)
ABSENT(ncclCommInitRankConfig)
ABSENT(ncclCommInitRankScalable)
ABSENT(ncclCommRegister)
ABSENT(ncclCommShrink)
ABSENT(ncclCommSplit)
ABSENT(ncclCommUserRank)
ABSENT(ncclCommWindowDeregister)
ABSENT(ncclCommWindowRegister)
ABSENT(ncclGetErrorString)
ABSENT(ncclGetLastError)
ABSENT(ncclGetUniqueId)
ABSENT(ncclGetVersion)
ABSENT(ncclGroupEnd)
ABSENT(ncclGroupSimulateEnd)
ABSENT(ncclGroupStart)
ABSENT(ncclMemAlloc)
ABSENT(ncclMemFree)
ABSENT(ncclRecv)
ABSENT(ncclRedOpCreatePreMulSum)
ABSENT(ncclRedOpDestroy)
ABSENT(ncclReduce)
ABSENT(ncclReduceScatter)
ABSENT(ncclSend)
#else /* cuSPARSELt */
ABSENT(cusparseLtDenseDescriptorInit)
ABSENT(cusparseLtInit)
ABSENT(cusparseLtMatDescriptorDestroy)
ABSENT(cusparseLtMatmul)
ABSENT(cusparseLtMatmulAlgGetAttribute)
ABSENT(cusparseLtMatmulAlgSelectionInit)
ABSENT(cusparseLtMatmulAlgSetAttribute)
ABSENT(cusparseLtMatmulDescSetAttribute)
ABSENT(cusparseLtMatmulDescriptorInit)
ABSENT(cusparseLtMatmulGetWorkspace)
ABSENT(cusparseLtMatmulPlanDestroy)
ABSENT(cusparseLtMatmulPlanInit)
ABSENT(cusparseLtMatmulSearch)
ABSENT(cusparseLtSpMMACompress2)
ABSENT(cusparseLtSpMMACompressedSize2)
ABSENT(cusparseLtStructuredDescriptorInit)
#endif
