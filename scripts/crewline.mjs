#!/usr/bin/env node
/** `npx crewline …` inside the repository, even before dependencies are installed. */
process.argv.splice(2, 0, "crewline")
await import("./launch.mjs")
