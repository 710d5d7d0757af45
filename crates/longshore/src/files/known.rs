//! The members that one of ECS's shapes has at a place, told by the shape's own `Deserialize`; and the slips that are
//! found with them.

use longshore_decide::service::files::slip_of;
use serde::de::value::{Error, StrDeserializer};
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

/// The known member that an unknown one is a slip of. `path` leads to the unknown one, such as
/// `containerDefinitions.0.memroy`.
pub(super) fn slip<Shape: DeserializeOwned>(path: &str) -> Option<&'static str> {
    let steps: Vec<&str> = path.split('.').collect();
    let (unknown, place) = steps.split_last()?;
    slip_of(unknown, members::<Shape>(place))
}

/// The members of the struct at this place; none where there is no struct.
fn members<Shape: DeserializeOwned>(place: &[&str]) -> &'static [&'static str] {
    let mut found: &'static [&'static str] = &[];
    drop(Shape::deserialize(At { place, found: &mut found }));
    found
}

/// Offers nothing but the way to the place, and takes down what the struct there asks for. It always ends in an error.
struct At<'a> {
    place: &'a [&'a str],
    found: &'a mut &'static [&'static str],
}

impl<'a> At<'a> {
    fn step(self) -> Result<(&'a str, Self), Error> {
        match self.place.split_first() {
            Some((first, rest)) => Ok((first, At { place: rest, found: self.found })),
            None => Err(Error::custom("the place is no struct")),
        }
    }
}

impl<'de> Deserializer<'de> for At<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no struct on the way"))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        if self.place.is_empty() {
            *self.found = fields;
            return Err(Error::custom("found"));
        }
        self.deserialize_map(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_map(Step(Some(self.step()?)))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Step(Some(self.step()?)))
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct tuple
        tuple_struct enum identifier ignored_any
    }
}

/// The one member, or the one item, on the way.
struct Step<'a>(Option<(&'a str, At<'a>)>);

impl Step<'_> {
    fn end<T>() -> Result<T, Error> {
        Err(Error::custom("there is one step"))
    }
}

impl<'de> MapAccess<'de> for Step<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        let Some((name, _)) = &self.0 else { return Self::end() };
        let name: StrDeserializer<'_, Error> = (*name).into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        let Some((_, next)) = self.0.take() else { return Self::end() };
        seed.deserialize(next)
    }
}

impl<'de> SeqAccess<'de> for Step<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        let Some((_, next)) = self.0.take() else { return Self::end() };
        seed.deserialize(next).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use longshore_model::create_service::CreateService;
    use longshore_model::task_definition::TaskSpec;

    use super::*;

    #[test]
    fn every_level_of_a_shape_is_reached() {
        assert!(members::<TaskSpec>(&[]).contains(&"containerDefinitions"));
        assert!(members::<TaskSpec>(&["containerDefinitions", "1"]).contains(&"logConfiguration"));
        let log = ["containerDefinitions", "0", "logConfiguration"];
        assert_eq!(members::<TaskSpec>(&log), ["logDriver", "options", "secretOptions"]);
        let alarms = ["deploymentConfiguration", "alarms"];
        assert_eq!(members::<CreateService>(&alarms), ["alarmNames", "enable", "rollback"]);
        for nowhere in
            [&["family"][..], &["family", "x"], &["nothing"], &["containerDefinitions", "0", "dockerLabels"]]
        {
            assert!(members::<TaskSpec>(nowhere).is_empty(), "{nowhere:?}");
        }
    }

    #[test]
    fn a_slip_is_found_where_it_is() {
        let path = "containerDefinitions.0.memroy";
        assert_eq!(slip::<TaskSpec>(path), Some("memory"));
        assert_eq!(slip::<TaskSpec>("fmaily"), Some("family"));
        assert_eq!(slip::<TaskSpec>("containerDefinitions.0.logConfiguration.opts"), None);
        assert_eq!(slip::<CreateService>("deploymentConfiguration.alarms.alarmnames"), Some("alarmNames"));
        assert_eq!(slip::<CreateService>("enableLogging"), None);
    }
}
