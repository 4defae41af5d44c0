import * as LocalEventLog from "../src/LocalEventLog.ts"
import * as OutboxContract from "../src/testing/OutboxContract.ts"

OutboxContract.suite("LocalEventLog.layerLocal", LocalEventLog.layerLocal)
