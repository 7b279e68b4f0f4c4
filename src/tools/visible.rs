//! What of the account a caller may see where no statement of its own is judged: the lists of objects, held against places
//! and against the names of a listing. Statements are judged by the gate.

use std::sync::Arc;

use super::lookup::Sought;
use super::place::{Place, Rank};
use super::{Catalogue, Refusal, Settings};
use crate::sql::objects::ObjectRules;
use crate::sql::ruling::Rulings;

/// Which names of a listing a caller may see.
#[derive(Debug, Clone, Default)]
pub struct Visible {
    rules: ObjectRules,
    /// Where the names are; `None`: they are none of objects.
    within: Option<Vec<String>>,
}

impl Visible {
    /// Whether some names may be left out.
    pub fn is_restricted(&self) -> bool {
        self.within.is_some() && !self.rules.is_empty()
    }

    /// Whether `name` may be seen.
    pub fn holds(&self, name: &str) -> bool {
        let Some(within) = self.within.as_ref().filter(|_| !self.rules.is_empty()) else {
            return true;
        };
        let whole: Vec<&str> = within.iter().map(String::as_str).chain([name]).collect();
        self.rules.check(&whole).is_ok()
    }
}

impl Catalogue {
    /// The same catalogue for other rulings.
    #[must_use]
    pub fn under(&self, rulings: Rulings) -> Self {
        Self::new(Settings {
            rulings,
            ..self.given.clone()
        })
    }

    /// Whether rulings may be exchanged while the server runs.
    pub fn may_change(&self) -> bool {
        self.given.rulings_may_change
    }

    /// Whether some caller may not see every object.
    pub fn has_object_lists(&self) -> bool {
        self.settings
            .rulings
            .all()
            .any(|ruling| !ruling.objects.is_empty())
    }

    /// Whether every caller may see the same objects as under `other`.
    pub fn has_same_object_lists(&self, other: &Self) -> bool {
        let rulings = &self.settings.rulings;
        rulings.have_same_objects(&other.settings.rulings)
    }

    /// Whether `principal` may look into `place`.
    ///
    /// # Errors
    /// Which list bars it.
    pub fn check_place(&self, principal: &[u8], place: &Place) -> Result<(), Refusal> {
        let objects = &self.settings_for(principal).ruling.objects;
        objects.check(&place.names()).map_err(Refusal::Barred)
    }

    /// Which of the names that are looked up `principal` may see.
    ///
    /// # Errors
    /// It may not look there.
    pub fn visible(&self, principal: &[u8], sought: &Sought) -> Result<Visible, Refusal> {
        let within = match sought {
            Sought::Databases => Some(Vec::new()),
            Sought::Warehouses | Sought::Roles => None,
            Sought::Within(place) => {
                self.check_place(principal, place)?;
                let names = place.names().into_iter().map(str::to_owned).collect();
                // Who may read a table may know its columns.
                Some(names).filter(|_| place.rank() != Rank::Object)
            }
        };
        let rules = self.settings_for(principal).ruling.objects.clone();
        Ok(Visible { rules, within })
    }

    /// The settings that hold for `principal` in the server's own role.
    pub(super) fn settings_for(&self, principal: &[u8]) -> &Arc<Settings> {
        self.settings_in(self.settings.role.as_deref(), principal)
    }
}
