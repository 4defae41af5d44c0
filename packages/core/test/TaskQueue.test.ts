import * as TaskQueue from "../src/TaskQueue.ts"
import * as TaskQueueContract from "../src/testing/TaskQueueContract.ts"

TaskQueueContract.suite("local", TaskQueue.layerLocalWith)
