#!/bin/sh
# Sets the passwords of the roles when the container of docker-compose.yml makes its database.
set -eu
psql --set=ON_ERROR_STOP=1 --username="$POSTGRES_USER" --dbname="$POSTGRES_DB" \
    --set=owner="$MASTHEAD_OWNER_PASSWORD" --set=server="$MASTHEAD_SERVER_PASSWORD" <<'SQL'
ALTER ROLE masthead_owner PASSWORD :'owner';
ALTER ROLE masthead_server PASSWORD :'server';
SQL
