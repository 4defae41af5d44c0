import * as Layer from "effect/Layer"
import * as LocalEventLog from "../src/LocalEventLog.ts"
import * as Memory from "../src/Memory.ts"
import * as RecallContract from "../src/testing/RecallContract.ts"

RecallContract.suite("Recall in process", Layer.merge(LocalEventLog.layerLocal, Memory.layerLocal))
