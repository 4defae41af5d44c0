/**
 * The minimum cost of a GET: fastify, a pool of ten connections, one prepared select by key, and
 * the body sent as it is stored. A separate process; prints its address.
 *
 *     node bench/FastifyServer.mjs postgres://…
 */
import Fastify from "fastify"
import pg from "pg"

const [connectionString] = process.argv.slice(2)
const pool = new pg.Pool({ connectionString, max: 10 })
const app = Fastify()

app.get("/:key", async (request, reply) => {
  const { rows } = await pool.query({
    name: "stored",
    text: "select body from stored where key = $1",
    values: [request.params.key]
  })
  if (rows.length === 0) return reply.code(404).send()
  return reply.header("content-type", "application/json").send(rows[0].body)
})

console.log(await app.listen({ host: "127.0.0.1", port: 0 }))
