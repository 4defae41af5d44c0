import * as Memory from "../../src/Memory.ts"
import * as MemoryContract from "../../src/testing/MemoryContract.ts"

MemoryContract.suite("Memory.layerLocal", Memory.layerLocal)
