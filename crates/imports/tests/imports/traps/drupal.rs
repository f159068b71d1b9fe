//! Drupal.

use serde_json::json;

use super::auto;

#[test]
fn anonymous_user_is_left_out() {
    let text = "uid,name,pass,mail,created,access,login,status,init\n0,,,,0,0,0,0,\n1,admin,,admin@example.com,1600000000,0,0,1,\n3,bo,,bo@example.com,1600000000,0,0,0,\n";
    let rows = auto("drupal", text);
    assert_eq!(rows[0]["code"], json!("not_a_person"));
    assert_eq!(
        (&rows[1]["id"], rows[1].get("metadata")),
        (&json!("1"), Some(&json!({"username": "admin"})))
    );
    assert_eq!(rows[2]["code"], json!("blocked"));
}
