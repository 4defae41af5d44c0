#!/usr/bin/env node
/** `npx crewline …` inside the repository, also before anything is installed. */
process.argv.splice(2, 0, "crewline")
await import("./launch.mjs")
