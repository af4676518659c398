// The npm compiler kept in memory, since a warm one takes half the time or less of one that is started anew.
//
//   node resident_solc.cjs                                   serves; prints the port of this machine that it listens at
//   node resident_solc.cjs PORT --standard-json [OPTION...]  asks the one at PORT, as if it were solc
//
// With P2PTRADE_WITHOUT_OPTIMIZER=1 the optimizer is left out, whatever was asked for: that takes a quarter of the time.
"use strict";
const fs = require("fs");
const net = require("net");
const shim = require("../../../scripts/solc-shim.cjs");

/** Answer requests one after the other; each is a line of options and then what solc would read. */
function serve() {
  const solc = require("solc");
  const answer = (request) => {
    const end = request.indexOf("\n");
    const options = shim.parse(JSON.parse(request.slice(0, end)));
    return solc.compile(request.slice(end + 1), { import: shim.importer(options) });
  };
  const server = net.createServer({ allowHalfOpen: true }, (socket) => {
    const parts = [];
    socket.on("data", (part) => parts.push(part));
    socket.on("end", () => socket.end(answer(Buffer.concat(parts).toString("utf8"))));
    socket.on("error", () => socket.destroy());
  });
  server.listen(0, "127.0.0.1", () => shim.print(`${server.address().port}\n`));
  // Whoever started this holds its input open; when that ends, so does this.
  process.stdin.on("end", () => process.exit(0)).resume();
}

function withoutOptimizer(input) {
  const request = JSON.parse(input);
  request.settings.optimizer = { enabled: false };
  return JSON.stringify(request);
}

function ask(port, args) {
  const options = shim.parse(args);
  const asked = fs.readFileSync(options.files.length ? options.files[0] : 0, "utf8");
  const input = process.env.P2PTRADE_WITHOUT_OPTIMIZER ? withoutOptimizer(asked) : asked;
  const parts = [];
  const socket = net.connect(port, "127.0.0.1", () => socket.end(`${JSON.stringify(args)}\n${input}`));
  socket.on("data", (part) => parts.push(part));
  socket.on("end", () => shim.print(Buffer.concat(parts).toString("utf8")));
}

const [port, ...args] = process.argv.slice(2);
if (port === undefined) serve();
else ask(Number(port), args);
