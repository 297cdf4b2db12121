'use strict';

const express = require('express');

const app = express();
const port = Number(process.env.PORT || 3000);

app.get('/', (request, response) => {
  response.json({
    message: 'Hello from a container with no shell',
    node: process.version,
    platform: `${process.platform}/${process.arch}`,
  });
});

app.get('/health', (request, response) => {
  response.json({ status: 'healthy' });
});

const server = app.listen(port, () => {
  console.log(`listening on port ${port}`);
});

// The process is number 1 of its container: without a handler, SIGTERM would do nothing.
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`${signal}: closing`);
    server.close(() => process.exit(0));
    server.closeAllConnections();
  });
}
