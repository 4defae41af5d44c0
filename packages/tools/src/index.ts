/**
 * Built-in tools, and the layer that offers them to every crew of an application.
 */
import * as AddressGuard from "@crewline/core/AddressGuard"
import * as Toolbox from "@crewline/core/Toolbox"
import * as Config from "effect/Config"
import * as Layer from "effect/Layer"
import * as AskHuman from "./AskHuman.ts"
import * as Calculate from "./Calculate.ts"
import * as Chart from "./Chart.ts"
import * as CodeRun from "./CodeRun.ts"
import * as DataDescribe from "./DataDescribe.ts"
import * as DataQuery from "./DataQuery.ts"
import * as DirectoryList from "./DirectoryList.ts"
import * as FileEdit from "./FileEdit.ts"
import * as FileRead from "./FileRead.ts"
import * as FileSearch from "./FileSearch.ts"
import * as FileWrite from "./FileWrite.ts"
import * as HttpRequest from "./HttpRequest.ts"
import * as Network from "./Network.ts"
import * as WebFetch from "./WebFetch.ts"
import * as WebSearch from "./WebSearch.ts"

export * as AskHuman from "./AskHuman.ts"
export * as Calculate from "./Calculate.ts"
export * as Chart from "./Chart.ts"
export * as CodeRun from "./CodeRun.ts"
export * as DataDescribe from "./DataDescribe.ts"
export * as DataQuery from "./DataQuery.ts"
export * as DirectoryList from "./DirectoryList.ts"
export * as FileEdit from "./FileEdit.ts"
export * as FileRead from "./FileRead.ts"
export * as FileSearch from "./FileSearch.ts"
export * as FileWrite from "./FileWrite.ts"
export * as GuardedDirectory from "./GuardedDirectory.ts"
export * as HttpRequest from "./HttpRequest.ts"
export * as Network from "./Network.ts"
export * as WebFetch from "./WebFetch.ts"
export * as WebSearch from "./WebSearch.ts"

export interface Options {
  /** Addresses and ranges that tools may call although they are not public. */
  readonly allowAddresses?: ReadonlyArray<string>
  /** Hosts that `http_request` may call: `api.example.com`, `*.example.com`, `*`. Default: none. */
  readonly httpHosts?: ReadonlyArray<string>
  /**
   * The search engine of `web_search`. Default: none; calls then fail and explain how to configure
   * one.
   */
  readonly searchEngine?: WebSearch.Engine | undefined
  /** The application's own tools, offered next to the built-in ones. */
  readonly tools?: ReadonlyArray<Toolbox.Tool>
}

/** The tools that work on the files of an execution. */
export const files: ReadonlyArray<Toolbox.Tool> = [
  FileRead.make(),
  FileWrite.make(),
  FileEdit.make(),
  DirectoryList.make(),
  FileSearch.make(),
  DataDescribe.make(),
  DataQuery.make(),
  Chart.make()
]

/** Whether this is the name of a built-in tool that needs a workspace. */
export const usesFiles = (name: string): boolean => files.some((tool) => tool.name === name)

const listOf = (name: string): Config.Config<ReadonlyArray<string>> =>
  Config.String(name).pipe(
    Config.withDefault(""),
    Config.map((text) => text.split(",").flatMap((entry) => entry.trim() || []))
  )

/**
 * Options from the environment: `CREWLINE_ALLOW_ADDRESSES`, `CREWLINE_HTTP_HOSTS`, and the
 * variables of search engines (`WebSearch.config`).
 */
export const config: Config.Config<Options> = Config.all({
  allowAddresses: AddressGuard.allowConfig,
  httpHosts: listOf("CREWLINE_HTTP_HOSTS"),
  searchEngine: WebSearch.config
})

/** All built-in tools. Throws a `TypeError` when an address or a range is invalid. */
export const make = ({
  allowAddresses: allow = [],
  httpHosts: hosts = [],
  searchEngine: engine
}: Options = {}): ReadonlyArray<Toolbox.Tool> => {
  const network = Network.make({ allow })
  // The operator has chosen the address of the engine, which may be a private one.
  const searching = engine?.url === undefined ? network : Network.make({ allow, allowOrigins: [engine.url] })
  return [
    ...files,
    WebSearch.make({ network: searching, engine }),
    WebFetch.make({ network }),
    HttpRequest.make({ network, hosts }),
    CodeRun.make(),
    Calculate.tool,
    AskHuman.tool
  ]
}

/** A toolbox with all built-in tools. */
export const layer = (options: Options = {}): Layer.Layer<Toolbox.Toolbox> =>
  Layer.sync(Toolbox.Toolbox, () => Toolbox.make([...make(options), ...(options.tools ?? [])]))
