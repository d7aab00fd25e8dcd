// SPDX-FileCopyrightText: healthops.clinical contributors
// SPDX-License-Identifier: GPL-3.0-or-later
// node server.js PORT TLS_PORT CERTIFICATE CA: a FHIR R4 server, plain and with TLS that wants a client certificate.
"use strict";

const fs = require("fs");
const http = require("http");
const https = require("https");
const path = require("path");
const core = require("@asymmetrik/node-fhir-server-core");

const [port, tlsPort, certificate, ca] = process.argv.slice(2);
const version = core.constants.VERSIONS["4_0_1"];
const patient = { service: path.join(__dirname, "patient.js"), versions: [version] };
const { app } = core.initialize({ profiles: { patient } });
const tls = {
  key: fs.readFileSync(`${certificate}.key`),
  cert: fs.readFileSync(`${certificate}.pem`),
  ca: fs.readFileSync(ca),
  requestCert: true,
  rejectUnauthorized: true,
};

fs.writeFileSync(path.join(__dirname, "server.pid"), `${process.pid}\n`);
http.createServer(app).listen(port, "127.0.0.1");
https.createServer(tls, app).listen(tlsPort, "127.0.0.1");
