# rotor-mcp over standard input and output: docker run -i --rm -e ROTOR_API_KEY rotor-mcp
# Over HTTP, with the variable ROTOR_MCP_HTTP=0.0.0.0:8080 and what else that needs: see deploy/
FROM python:3.13-slim AS build
COPY requirements/image.txt /src/requirements.txt
RUN python -m venv /app && /app/bin/pip install --no-cache-dir --quiet --require-hashes -r /src/requirements.txt
COPY pyproject.toml README.md LICENSE /src/
COPY rotor_mcp /src/rotor_mcp
RUN /app/bin/pip install --no-cache-dir --quiet --no-deps /src && /app/bin/pip uninstall --yes --quiet pip

FROM python:3.13-slim
LABEL io.modelcontextprotocol.server.name="io.github.example/rotor-mcp" \
      org.opencontainers.image.source="https://github.com/example/rotor-mcp" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /app /app
# Nobody's user, by number so that a cluster can see that it is not root; no shell, nothing that it could write to.
# The bytecode is compiled: a start takes half the time.
RUN useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin rotor
USER 10001:10001
ENV PATH=/app/bin:$PATH PYTHONUNBUFFERED=1
# No health check here: over standard input and output there is nothing to ask. Over HTTP it is /healthz.
EXPOSE 8080
ENTRYPOINT ["rotor-mcp"]
CMD ["serve"]
