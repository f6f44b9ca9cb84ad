"""moto's S3 on a free port of this machine, which is printed.

One request at a time: moto looks at If-Match first and writes then, with nothing that keeps another request
from doing so in between.
"""

import logging

from moto.server import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import make_server

logging.getLogger("werkzeug").setLevel(logging.ERROR)
server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), threaded=False)
# Hundreds may ask at once.
server.socket.listen(1024)
print(server.server_port, flush=True)
server.serve_forever()
