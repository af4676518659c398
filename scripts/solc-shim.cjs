// A `solc` look-alike around the npm package "solc" (the compiler as WebAssembly).
//
// It speaks the part of the native command line that py-solc-x, forge, slither and halmos use:
//   --version
//   --standard-json [FILE]
//   --combined-json LIST FILE...   with --optimize, --optimize-runs, --evm-version, --via-ir, remappings a=b
//   --base-path P  --include-path P  --allow-paths A,B
// The package's own command line cannot be used: it refuses --allow-paths, prints a note about SMT solvers
// in front of the JSON, and cuts long answers off when its output is a pipe.
"use strict";
const fs = require("fs");
const path = require("path");

/** Split the arguments into a mode, options, remappings and source files. */
function parse(args) {
  const opt = {
    mode: null, fields: [], base: "", include: [], allow: [], remappings: [], files: [],
    optimize: false, runs: 200, evmVersion: undefined, viaIR: false,
  };
  for (let i = 0; i < args.length; i++) {
    const [flag, inline] = args[i].startsWith("--") ? args[i].split(/=(.*)/s) : [args[i]];
    const value = () => (inline !== undefined ? inline : args[++i]);
    if (flag === "--version") opt.mode = "version";
    else if (flag === "--standard-json") opt.mode = "standard-json";
    else if (flag === "--combined-json") (opt.mode = "combined-json"), (opt.fields = value().split(","));
    else if (flag === "--base-path") opt.base = value();
    else if (flag === "--include-path") opt.include.push(value());
    else if (flag === "--allow-paths") opt.allow.push(...value().split(",").filter(Boolean));
    else if (flag === "--optimize") opt.optimize = true;
    else if (flag === "--optimize-runs") (opt.optimize = true), (opt.runs = Number(value()));
    else if (flag === "--evm-version") opt.evmVersion = value();
    else if (flag === "--via-ir") opt.viaIR = true;
    else if (flag === "-") continue;
    else if (flag.startsWith("-")) fail(`unrecognised option '${args[i]}'`);
    else if (flag.includes("=")) opt.remappings.push(flag);
    else opt.files.push(flag);
  }
  return opt;
}

function fail(message) {
  process.stderr.write(`Error: ${message}\n`);
  process.exit(1);
}

/** Write everything, whatever the size of the pipe's buffer. */
function print(text) {
  const bytes = Buffer.from(text, "utf8");
  for (let offset = 0; offset < bytes.length; ) {
    try {
      offset += fs.writeSync(1, bytes, offset);
    } catch (error) {
      if (error.code !== "EAGAIN") throw error;
    }
  }
}

function real(file) {
  try {
    return fs.realpathSync(file);
  } catch {
    return path.resolve(file);
  }
}

/** Return the import callback: base path first, then the include paths, only inside allowed directories. */
function importer(opt) {
  const base = path.resolve(opt.base || ".");
  const roots = [base, ...opt.include.map((root) => path.resolve(root))];
  const allowed = [...roots, ...opt.allow.map((root) => path.resolve(base, root))].map(real);
  return (name) => {
    const candidates = path.isAbsolute(name) ? [name] : roots.map((root) => path.join(root, name));
    const file = candidates.find((candidate) => fs.existsSync(candidate));
    if (file === undefined) return { error: `File not found: ${name}` };
    const found = real(file);
    if (!allowed.some((root) => found === root || found.startsWith(root + path.sep)))
      return { error: `File outside of allowed directories: ${name}` };
    return { contents: fs.readFileSync(found, "utf8") };
  };
}

/** Ask for everything that --combined-json may list, for the files named on the command line. */
function combinedInput(opt) {
  const sources = {};
  for (const file of opt.files) sources[file] = { content: fs.readFileSync(file, "utf8") };
  return {
    language: "Solidity",
    sources,
    settings: {
      remappings: opt.remappings,
      optimizer: { enabled: opt.optimize, runs: opt.runs },
      ...(opt.evmVersion && { evmVersion: opt.evmVersion }),
      viaIR: opt.viaIR,
      outputSelection: {
        "*": {
          "": ["ast"],
          "*": ["abi", "metadata", "devdoc", "userdoc", "storageLayout", "evm.bytecode", "evm.deployedBytecode",
            "evm.methodIdentifiers"],
        },
      },
    },
  };
}

/** Reshape standard JSON to what `solc --combined-json` prints. */
function combinedOutput(output, opt, version) {
  const shapes = {
    abi: (c) => c.abi,
    bin: (c) => c.evm.bytecode.object,
    "bin-runtime": (c) => c.evm.deployedBytecode.object,
    srcmap: (c) => c.evm.bytecode.sourceMap ?? "",
    "srcmap-runtime": (c) => c.evm.deployedBytecode.sourceMap ?? "",
    hashes: (c) => c.evm.methodIdentifiers,
    metadata: (c) => c.metadata,
    devdoc: (c) => c.devdoc,
    userdoc: (c) => c.userdoc,
    "storage-layout": (c) => c.storageLayout,
  };
  const contracts = {};
  for (const [file, named] of Object.entries(output.contracts ?? {}))
    for (const [name, contract] of Object.entries(named))
      contracts[`${file}:${name}`] = Object.fromEntries(
        opt.fields.filter((field) => shapes[field]).map((field) => [field, shapes[field](contract)]));
  const sources = {};
  for (const [file, source] of Object.entries(output.sources ?? {})) sources[file] = { AST: source.ast };
  return { contracts, sourceList: Object.keys(output.sources ?? {}), sources, version };
}

function main() {
  const options = parse(process.argv.slice(2));
  const solc = require("solc");

  if (options.mode === "version") {
    print(`solc, the solidity compiler commandline interface\nVersion: ${solc.version()}\n`);
  } else if (options.mode === "standard-json") {
    const input = fs.readFileSync(options.files.length ? options.files[0] : 0, "utf8");
    print(solc.compile(input, { import: importer(options) }));
  } else if (options.mode === "combined-json") {
    const answer = solc.compile(JSON.stringify(combinedInput(options)), { import: importer(options) });
    const output = JSON.parse(answer);
    const errors = (output.errors ?? []).filter((error) => error.severity === "error");
    for (const error of output.errors ?? []) process.stderr.write(error.formattedMessage + "\n");
    if (errors.length) process.exitCode = 1;
    else print(JSON.stringify(combinedOutput(output, options, solc.version())));
  } else {
    fail("one of --version, --standard-json and --combined-json is needed");
  }
}

if (require.main === module) main();
else module.exports = { parse, importer, print };
