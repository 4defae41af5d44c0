/** `/api/v1/executions/:id/files`: the files that the tasks of an execution share. */
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import * as Problem from "./Problem.ts"
import * as Resource from "./Resource.ts"

/** A file of an execution. */
export const File = Schema.Struct({
  /** Relative, with `/` between its parts. */
  path: Schema.String,
  /** In bytes. */
  size: Schema.Int,
  modifiedAt: Schema.String
}).annotate({ identifier: "File", description: "A file of an execution" })

/** The rest of the path in a URL. */
const params = {
  ...Resource.params,
  "*": Schema.optionalKey(Schema.String).annotate({ description: "The path of the file, such as `reports/summary.md`" })
}

const failures = Problem.schemas("not-found", "gone", "path-refused", "payload-too-large", "quota-exceeded")

const bytes = HttpApiSchema.asUint8Array({ contentType: "application/octet-stream" })

export class Files extends HttpApiGroup.make("files")
  .add(
    HttpApiEndpoint.get("read", "/:id/files/*", {
      params,
      success: [
        Schema.Struct({ items: Schema.Array(File) }).annotate({ identifier: "FileList" }),
        Schema.Uint8Array.pipe(bytes)
      ],
      error: failures
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Download a file, or list the files",
        description:
          "Returns the bytes of the file as an attachment, which browsers neither show nor run. Without a path, lists all files: those that " +
          "the execution was started with, those that its tasks wrote, and those that every execution can read."
      })
    ),
    HttpApiEndpoint.put("write", "/:id/files/*", {
      params,
      payload: Schema.Uint8Array.pipe(bytes),
      success: File,
      error: failures
    }).annotateMerge(
      OpenApi.annotations({
        summary: "Upload a file, or replace it",
        description:
          "The body is the content, of any media type. Tasks of the execution see the new content immediately, and never a part of it."
      })
    ),
    HttpApiEndpoint.delete("remove", "/:id/files/*", {
      params,
      success: HttpApiSchema.NoContent,
      error: failures
    }).annotateMerge(
      OpenApi.annotations({ summary: "Delete a file", description: "Deleting an execution also deletes its files." })
    )
  )
  .prefix("/api/v1/executions")
  .annotateMerge(OpenApi.annotations({ title: "Files", description: "Files of executions" })) {}
