// Start Ganache from ganache-config.json: its sections are Ganache's own option groups
// (chain, miner, wallet, database, logging), plus the host and port the server listens on.
// Usage: node scripts/ganache-server.cjs [CONFIG.json] [PORT]
"use strict";
const fs = require("fs");
const path = require("path");
const ganache = require("ganache");

const file = process.argv[2] || path.join(__dirname, "..", "ganache-config.json");
const { server: listen = {}, ...options } = JSON.parse(fs.readFileSync(file, "utf8"));
const host = listen.host ?? "127.0.0.1";
const port = Number(process.argv[3] ?? listen.port ?? 8545);

const server = ganache.server(options);
const stop = () => server.close().finally(() => process.exit(0));
process.on("SIGTERM", stop);
process.on("SIGINT", stop);

server
  .listen(port, host)
  .then(() => console.log(`ganache listens on ${host}:${port}`))
  .catch((error) => {
    console.error(error.message);
    process.exit(1);
  });
