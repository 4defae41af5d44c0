/**
 * The guard of addresses of `@crewline/core`, with the system's name resolution: restricts the
 * addresses of providers.
 */
import * as AddressGuard from "@crewline/core/AddressGuard"
import { lookup } from "node:dns"
import type { LookupFunction } from "node:net"

export { type AddressGuard, AddressRefused, allowConfig, isPublic, unrestricted } from "@crewline/core/AddressGuard"

/** Options of `make`. */
export interface Options extends Omit<AddressGuard.Options, "lookup"> {
  /** How names are resolved. Default: the system's look-up. */
  readonly lookup?: LookupFunction
}

/** A guard. Throws a `TypeError` when an entry of `allow` is not an address or a range. */
export const make = (options: Options = {}): AddressGuard.AddressGuard =>
  AddressGuard.make({ ...options, lookup: options.lookup ?? lookup })
