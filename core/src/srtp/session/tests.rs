use super::*;
use crate::srtp::tests::{hex, unhex};

fn derived<const N: usize>(master: &MasterKey, label: u8) -> String {
    let mut bytes = [0xee; N];
    derive(master, label, &mut bytes);
    hex(&bytes)
}

#[test]
fn keys_are_derived_as_in_rfc_3711_appendix_b_3() {
    let master = MasterKey::new(
        Suite::AesCm128HmacSha1_80,
        &unhex("e1f97a0d3e018be0d64fa32c06de4139"),
        &unhex("0ec675ad498afeebb6960b3aabe6"),
    );
    let master = master.unwrap();
    assert_eq!(derived::<16>(&master, 0), "c61e7a93744f39ee10734afe3ff7a087");
    assert_eq!(derived::<14>(&master, 2), "30cbbc08863d8c85d49db34a9ae1");
    let auth_key = "cebe321f6ff7716b6fd4ab49af256a156d38baa48f0a0acf3c34e2359e6cdbcee049646c43d9327ad175578ef7227098637\
                    1c10c9a369ac2f94a8c5fbcddc3256d6e919a48b610ef17c2041e474035766b68642c59bbfc2f34db60dbdfb2dc68";
    assert_eq!(derived::<94>(&master, 1)[..40], auth_key[..40]);
}

#[test]
fn keys_of_256_bits_are_derived_as_in_rfc_6188_section_7_2() {
    // The suite has a salt of 96 bits, the vector one of 112.
    let mut salt: [u8; 14] = unhex("3b04803de51ee7c96423ab5b78d2").try_into().unwrap();
    let key = unhex("f0f04914b513f2763a1b1fa130f10e2998f6f6e43e4309d1e622a0e332b9f1b6");
    let master = MasterKey::new(Suite::AeadAes256Gcm, &key, &salt[..12]).unwrap();
    salt[..12].fill(0);
    let master = master.with_longer_salt(salt);
    assert_eq!(derived::<32>(&master, 0), "5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4");
    assert_eq!(derived::<14>(&master, 2), "fa31791685ca444a9e07c6c64e93");
    assert_eq!(derived::<20>(&master, 1), "fd9c32d39ed5fbb5a9dc96b30818454d1313dc05");
}

#[test]
fn a_key_of_aead_is_derived_with_zeros_behind_its_salt() {
    let [key, salt] = [[1; 16], [2; 16]];
    let aead = MasterKey::new(Suite::AeadAes128Gcm, &key, &salt[..12]).unwrap();
    let mut longer = [0; 14];
    longer[..12].fill(2);
    let other = MasterKey::new(Suite::AesCm128HmacSha1_80, &key, &longer).unwrap();
    assert_eq!(derived::<16>(&aead, 0), derived::<16>(&other, 0));
}
