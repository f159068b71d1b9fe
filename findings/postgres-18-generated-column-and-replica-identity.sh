#!/usr/bin/env bash
# Software: PostgreSQL 18.7 and 17.5 (npm @electric-sql/pglite 0.5.17 and 0.3.14).
#
# Guess: a generated column on a table of a publication is not sent, and nothing else changes: `email_key … GENERATED ALWAYS AS (lower(email))`
# may be added to a table of users that a change data capture reads, as it could in PostgreSQL 17.
#
# Seen: with REPLICA IDENTITY FULL, which such readers are often set up with, PostgreSQL 18 refuses each later UPDATE and DELETE of the
# table (42P10), also one that meets no row, and also when nothing reads the publication. The migration itself and INSERT succeed.
#   A virtual column, which version 18 makes when neither kind is named, cannot be published, so that publish_generated_columns does not help.
#   A stored one is no hindrance once the publication has publish_generated_columns = stored; every publication of the table must.
#   A publication FOR ALL TABLES, as tools make it, does the same; one of inserts alone does not.
#   PostgreSQL 17 has none of this: the same tables go on there.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT; cd "$folder"
npm init -y >/dev/null
npm install --silent --no-audit --no-fund new@npm:@electric-sql/pglite@0.5.17 old@npm:@electric-sql/pglite@0.3.14
cat > run.mjs <<'JS'
const column = 'ALTER TABLE users ADD email_key text GENERATED ALWAYS AS (lower(email))';
const publication = 'CREATE PUBLICATION readers FOR TABLE users';
const sent = 'ALTER PUBLICATION readers SET (publish_generated_columns = stored)';
const update = "UPDATE users SET email = 'ann@b.example'";
const both = {
  'no generated column': [publication, update],
  stored: [publication, `${column} STORED`, update],
  'stored, another key': [publication, `${column} STORED`, 'ALTER TABLE users REPLICA IDENTITY DEFAULT', update],
  'stored, all tables': ['CREATE PUBLICATION readers FOR ALL TABLES', `${column} STORED`, update],
  'stored, inserts only': ["CREATE PUBLICATION readers FOR TABLE users WITH (publish = 'insert')", `${column} STORED`, update],
};
const since18 = {
  'stored, sent': [publication, `${column} STORED`, sent, update],
  'stored, sent by one of two publications': [publication, `${column} STORED`, sent, publication.replace('readers', 'others'), update],
  'neither kind named': [publication, column, update],
  'neither kind named, sent': [publication, column, sent, update],
  'neither kind named, DELETE of no row': [publication, column, 'DELETE FROM users WHERE id = 7'],
  'neither kind named, INSERT': [publication, column, "INSERT INTO users VALUES (2, 'lee@b.example')"],
};
for (const name of ['old', 'new']) {
  const { PGlite } = await import(name);
  for (const [title, steps] of Object.entries(name === 'old' ? both : { ...both, ...since18 })) {
    const database = new PGlite();
    const version = (await database.query('SHOW server_version')).rows[0].server_version;
    await database.exec("CREATE TABLE users (id int PRIMARY KEY, email text); INSERT INTO users VALUES (1, 'Ann@a.example')");
    await database.exec('ALTER TABLE users REPLICA IDENTITY FULL');
    let seen = 'done';
    for (const step of steps) {
      try { await database.exec(step); } catch (error) { seen = `${error.code} ${error.message}: ${error.detail}`; break; }
    }
    console.log(`${version}: ${title}: ${seen}`);
    await database.close();
  }
}
JS
cat > expected <<'TXT'
17.5: no generated column: done
17.5: stored: done
17.5: stored, another key: done
17.5: stored, all tables: done
17.5: stored, inserts only: done
18.7: no generated column: done
18.7: stored: 42P10 cannot update table "users": Replica identity must not contain unpublished generated columns.
18.7: stored, another key: done
18.7: stored, all tables: 42P10 cannot update table "users": Replica identity must not contain unpublished generated columns.
18.7: stored, inserts only: done
18.7: stored, sent: done
18.7: stored, sent by one of two publications: 42P10 cannot update table "users": Replica identity must not contain unpublished generated columns.
18.7: neither kind named: 42P10 cannot update table "users": Replica identity must not contain unpublished generated columns.
18.7: neither kind named, sent: 42P10 cannot update table "users": Replica identity must not contain unpublished generated columns.
18.7: neither kind named, DELETE of no row: 42P10 cannot delete from table "users": Replica identity must not contain unpublished generated columns.
18.7: neither kind named, INSERT: done
TXT
node run.mjs | tee seen
diff expected seen
