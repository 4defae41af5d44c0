import * as LocalTaskQueue from "../src/LocalTaskQueue.ts"
import * as TaskQueueContract from "../src/testing/TaskQueueContract.ts"

TaskQueueContract.suite("local", LocalTaskQueue.layerLocalWith)
